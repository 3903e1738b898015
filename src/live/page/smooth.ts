/**
 * Smooths a curve by an exponential moving average, without the bias of a start at zero: D. Kingma,
 * J. Ba, "Adam", 2015, section 3, <https://arxiv.org/abs/1412.6980>.
 *
 * @param decay Weight of the mean so far at each value, in [0, 1).
 */
export function smooth(values: readonly (number | null)[], decay: number): (number | null)[] {
  let [mean, weight] = [0, 0];
  return values.map((value) => {
    if (value === null) return null;
    mean = decay * mean + (1 - decay) * value;
    weight = decay * weight + (1 - decay);
    return mean / weight;
  });
}
