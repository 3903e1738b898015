/** Specs of TensorFlow.js that expect wrong numbers, and why those are wrong. */
export const WRONG_SPECS: Record<string, string> = {
  "avgPool gradient x=[3,3,1] f=[3,3] s=1 p=explicit":
    "the mean leaves the padding out, so a slope is shared by fewer pixels (finite differences)",
  "mirrorPad grad": "mirrored pixels have slopes, too (finite differences)",
  "mirrorPad gradient with clones": "mirrored pixels have slopes, too (finite differences)",
  "maxPool [x=[3,3,1] f=[2,2] s=1 ignores NaNs": "NaN must not hide behind a number (PyTorch)",
  "maxPool3d x=[1,3,3,3,1] f=[2,2,2] s=1 p=valid, ignores NaNs":
    "NaN must not hide behind a number (PyTorch)",
};
