import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertLess,
  assertRejects,
  assertThrows,
} from "@std/assert";
import { DataLoader, split, tf } from "../../mod.ts";
import { augment, decodeImage, imageFolder, type Pixels } from "../../images.ts";
import { keyedRandom } from "../../data.ts";
import { resizePixels } from "../../src/images/resize_pixels.ts";
import { encodeJpeg, encodePng, encodeWebp } from "../deps/jsquash_encoders.ts";
import { testInFolder } from "../fixtures/in_folder.ts";
import { testOnBackends } from "../fixtures/on_backends.ts";

/** An image whose pixels are given by a function. */
function draw(
  width: number,
  height: number,
  pixel: (x: number, y: number) => number[],
): ImageData & Pixels {
  const image = new ImageData(width, height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) image.data.set([...pixel(x, y), 255], 4 * (y * width + x));
  }
  return image as ImageData & Pixels;
}

const left = draw(16, 8, (x) => x < 8 ? [250, 10, 20] : [20, 10, 250]);
const ignore = (await Deno.permissions.query({ name: "read" })).state !== "granted";

for (
  const [format, encode] of Object.entries({ png: encodePng, jpeg: encodeJpeg, webp: encodeWebp })
) {
  Deno.test(`decodeImage() decodes ${format}, and refuses a file that is cut or too large`, {
    ignore,
  }, async () => {
    const bytes = new Uint8Array(
      await (encode as (image: ImageData) => Promise<ArrayBuffer>)(left),
    );
    const { width, height, data } = await decodeImage(bytes);
    assertEquals([width, height, data.length], [16, 8, 16 * 8 * 4]);
    const at = (x: number) => [...data.slice(4 * x, 4 * x + 3)];
    const near = format === "png" ? 0 : 25;
    for (const [actual, expected] of [[at(2), [250, 10, 20]], [at(13), [20, 10, 250]]]) {
      actual.forEach((value, index) =>
        assert(Math.abs(value - expected[index]) <= near, `${actual}`)
      );
    }
    await assertRejects(
      () => decodeImage(bytes, { maxPixels: 127, name: "left" }),
      RangeError,
      "Cannot decode left as it must have at most 127 pixels: it has 16 by 8",
    );
    for (const length of [0, 4, 10, 29]) {
      await assertRejects(
        () => decodeImage(bytes.slice(0, length)),
        TypeError,
        "Cannot decode the image",
      );
    }
  });
}

Deno.test("decodeImage() refuses other formats and unknown options", async () => {
  const text = new TextEncoder().encode("GIF89a, or any other text of some length");
  await assertRejects(() => decodeImage(text), TypeError, "must be a PNG, JPEG or WebP file");
  await assertRejects(() => decodeImage(text, { maxPixel: 3 } as never), TypeError, '"maxPixels"');
});

Deno.test("resizePixels() keeps the mean of what it reduces, cuts out the middle or stretches", () => {
  const options = { channels: 3, fit: "stretch" } as const;
  const stripes = draw(64, 64, (x) => x % 2 ? [255, 255, 255] : [0, 0, 0]);
  const reduced = resizePixels(stripes, { ...options, size: [8, 8] });
  for (const value of reduced) assert(Math.abs(value - 127.5) < 12, `${value}`);
  const same = resizePixels(left, { ...options, size: [8, 16] });
  assertEquals([...same.slice(0, 3)], [250, 10, 20]);
  const ramp = draw(4, 1, (x) => [x * 60, 0, 0]);
  const doubled = resizePixels(ramp, { ...options, size: [1, 8] });
  assertEquals([...doubled].filter((_, index) => index % 3 === 0), [
    0,
    15,
    45,
    75,
    105,
    135,
    165,
    180,
  ]);
  const wide = draw(30, 10, (x) => x < 10 || x >= 20 ? [255, 0, 0] : [0, 255, 0]);
  const cut = resizePixels(wide, { size: [10, 10], channels: 3, fit: "cover" });
  assert(cut.every((value, index) => value === (index % 3 === 1 ? 255 : 0)));
  const gray = resizePixels(draw(2, 2, () => [100, 100, 100]), {
    size: [1, 1],
    channels: 1,
    fit: "cover",
  });
  assertEquals([...gray], [100]);
});

testInFolder("imageFolder() reads a folder of classes, batch by batch", async (folder) => {
  for (const [name, value] of [["cat", 0], ["dog", 255]] as const) {
    await Deno.mkdir(`${folder}/${name}`);
    for (let index = 0; index < 4; index++) {
      const bytes = await encodePng(draw(6, 4, () => [value, 51, 255 - value]));
      await Deno.writeFile(`${folder}/${name}/${index}.png`, new Uint8Array(bytes));
    }
  }
  await Deno.writeTextFile(`${folder}/cat/notes.txt`, "not an image");
  await Deno.writeTextFile(`${folder}/list.png`, "not in a class");
  const images = await imageFolder(folder, { size: [2, 3], cache: true });
  assertEquals([images.classes, [...images.labels]], [["cat", "dog"], [0, 0, 0, 0, 1, 1, 1, 1]]);
  assertEquals(images.paths[4], `${folder}/dog/0.png`);
  const [train] = split(images, [0.5, 0.5], { stratify: images.labels });
  const loader = new DataLoader({ dataset: train, batchSize: 4, prefetch: 2 });
  for await (const { data, labels } of loader) {
    assertEquals(data.shape, [4, 2, 3, 3]);
    const classes = [...labels.dataSync()];
    assertEquals(classes.toSorted(), [0, 0, 1, 1]);
    const colours = (data.arraySync() as unknown as number[][][][]).map(([[colour]]) => colour);
    assertEquals(colours.map(([red]) => red), classes);
    assertAlmostEquals(colours[0][1], 0.2, 1e-6);
    tf.dispose([data, labels]);
  }
  await Deno.writeTextFile(images.paths[0], "no image");
  const again = await imageFolder(folder, { size: 2, channels: 1 });
  await assertRejects(
    async () => await again.batch(Int32Array.of(1, 0)),
    TypeError,
    `Cannot decode ${images.paths[0]}`,
  );
  await Deno.mkdir(`${folder}/none`);
  await assertRejects(
    () => imageFolder(`${folder}/none`, { size: 2 }),
    RangeError,
    "it has no such folder",
  );
  await assertRejects(
    () => imageFolder(folder, { size: 0 }),
    RangeError,
    "size must be an integer >= 1",
  );
  await assertRejects(
    () => imageFolder(folder, { size: 2, chanels: 1 } as never),
    TypeError,
    '"channels"',
  );
});

/** Images of three rows and four columns with a number for each pixel. */
const numbered = (batch = 2) =>
  tf.tensor4d(Array.from({ length: batch * 12 }, (_, index) => (index % 12) / 12), [
    batch,
    3,
    4,
    1,
  ]);

testOnBackends("augment() flips, and leaves the original alone", () => {
  const data = numbered();
  const flipped = augment({ flip: 1 })({ data }, keyedRandom(1)).data;
  assertEquals(flipped.arraySync(), tf.tidy(() => tf.reverse(data, 2).arraySync()));
  const same = augment({})({ data }, keyedRandom(1)).data;
  assertEquals(same.arraySync(), data.arraySync());
  assertEquals([...data.dataSync()].slice(0, 2), [0, Math.fround(1 / 12)]);
  tf.dispose([data, flipped, same]);
});

testOnBackends("augment() changes each image by itself, and repeats by the generator", () => {
  const data = numbered(16);
  const change = augment({
    rotate: 20,
    zoom: 0.2,
    shift: 0.2,
    brightness: 0.2,
    contrast: 0.2,
    erase: 0.5,
  });
  const [first, again, other] = [1, 1, 2].map((seed) => change({ data }, keyedRandom(seed)).data);
  assertEquals(first.shape, data.shape);
  assertEquals(first.arraySync(), again.arraySync());
  const images = (first.arraySync() as unknown[]).map(String);
  assertEquals(new Set(images).size, 16);
  assert(String(first.arraySync()) !== String(other.arraySync()));
  const values = first.dataSync();
  assert(values.every((value) => value >= 0 && value <= 1));
  tf.dispose([data, first, again, other]);
});

testOnBackends("augment() turns a square by its angle, around its centre", () => {
  const data = tf.tensor4d(Array.from({ length: 49 }, (_, at) => Number(at === 10)), [1, 7, 7, 1]); // row 1, column 3
  const turned = augment({ rotate: 90 })({ data }, () => 1).data; // the largest angle, to one side
  const [x, y] = [3, 1];
  const image = (turned.arraySync() as number[][][][])[0];
  const found = image.flatMap((row, y) => row.map(([value], x) => ({ value, x, y }))).filter((
    { value },
  ) => value > 0.9);
  assertEquals(found.length, 1);
  assertEquals([Math.abs(found[0].x - 3), found[0].y], [Math.abs(y - 3), x]);
  tf.dispose([data, turned]);
});

testOnBackends("augment() erases a rectangle of at most a part of each side", () => {
  const data = tf.zeros([8, 20, 20, 3]);
  const erased = augment({ erase: 0.5 })({ data }, keyedRandom(3)).data;
  const gray = tf.tidy(() => tf.equal(erased, 0.5).sum([1, 2, 3]).arraySync() as number[]);
  assert(gray.some((count) => count > 0));
  for (const count of gray) assertLess(count, 3 * 10 * 10 + 1);
  tf.dispose([data, erased]);
});

Deno.test("augment() refuses numbers out of range, unknown options and other shapes", () => {
  assertThrows(
    () => augment({ flip: 2 }),
    RangeError,
    "flip must be in [0, 1]: current value is 2",
  );
  assertThrows(() => augment({ rotate: -1 }), RangeError, "rotate must be in [0, 180] degrees");
  assertThrows(() => augment({ flipp: 1 } as never), TypeError, 'did you mean "flip"?');
  const flat = tf.zeros([2, 3]);
  assertThrows(
    () => augment({ flip: 1 })({ data: flat }, Math.random),
    TypeError,
    "current value is [2,3]",
  );
  flat.dispose();
});
