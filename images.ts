/**
 * Folders of images as datasets, and random changes of images on the device.
 *
 * The decoders of PNG, JPEG and WebP are loaded when they are first needed.
 *
 * @example From a folder of classes to a training
 * ```ts
 * import { DataLoader, split } from "@trainchart/trainchart";
 * import { TransformBatch } from "@trainchart/trainchart/callbacks";
 * import { augment, imageFolder } from "@trainchart/trainchart/images";
 *
 * async function prepare(folder: string) {
 *   const images = await imageFolder(folder, { size: 64, cache: true });
 *   const [train, validation] = split(images, [0.8, 0.2], { stratify: images.labels });
 *   return {
 *     classes: images.classes,
 *     dataloaders: {
 *       train: new DataLoader({ dataset: train, shuffle: true, prefetch: 4 }),
 *       validation: new DataLoader({ dataset: validation, prefetch: 4 }),
 *     },
 *     callbacks: [new TransformBatch(augment({ flip: 0.5, rotate: 10, shift: 0.1 }))],
 *   };
 * }
 * ```
 *
 * @module
 */
export { augment, type AugmentOptions } from "./src/images/augment.ts";
export { decodeImage, type DecodeImageOptions, type Pixels } from "./src/images/decode_image.ts";
export {
  type ImageFolder,
  imageFolder,
  type ImageFolderOptions,
} from "./src/images/image_folder.ts";
