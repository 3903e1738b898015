/** Maps names: a weight is called dense_Dense2 instead of 1 where another model was made before. */
export function renaming(names: [saved: string, actual: string][]): (key: string) => string {
  const same = names.every(([saved, actual]) => saved === actual);
  if (same) return (key) => key;
  names.sort(([a], [b]) => b.length - a.length);
  return (key) => {
    const found = names.find(([saved]) => key === saved || key.startsWith(`${saved}/`));
    return found ? found[1] + key.slice(found[0].length) : key;
  };
}
