import { Dropout, Dropout2d } from "../../../../nn/dropout.js";
import type { LayerStep } from "../layer-step.js";
import { importMasking } from "../masks.js";
import type { Value } from "../value.js";
import type { Row } from "./row.js";

function importDropout(at: LayerStep): Value {
  const { x, config } = at;
  if ((config["noise_shape"] ?? null) !== null) throw at.refuse("noise_shape");
  const rate = at.number("rate", 0.5);
  return at.like(
    x,
    at.apply(() => new Dropout(rate), x.ref),
  );
}

/** Whole channels of planes are 0, or stay. */
function importSpatialDropout(at: LayerStep): Value {
  at.checkRank(4);
  const rate = at.number("rate", 0.5);
  return at.asPlanes(at.apply(() => new Dropout2d(rate), at.planes()));
}

const pass: Row = (at) => at.x;

/** Layers that vary images in training alone. */
const augmentations = [
  ...["RandomFlip", "RandomRotation", "RandomZoom", "RandomTranslation", "RandomShear", "RandomHeight", "RandomWidth"],
  ...["RandomContrast", "RandomBrightness", "RandomColorDegeneration", "RandomColorJitter", "RandomErasing"],
  ...["RandomGaussianBlur", "RandomGrayscale", "RandomHue", "RandomInvert", "RandomPerspective"],
  ...["RandomPosterization", "RandomSaturation", "RandomSharpness", "RandomElasticTransform"],
  ...["AugMix", "CutMix", "MixUp", "RandAugment"],
];

/** Layers that only training needs. */
export const regularizationRows: Readonly<Record<string, Row>> = {
  Dropout: importDropout,
  SpatialDropout2D: importSpatialDropout,
  ActivityRegularization: pass,
  // At inference these are nothing; what they do in training, nothing here does.
  ...{ GaussianNoise: pass, GaussianDropout: pass, AlphaDropout: pass, SpatialDropout1D: pass, SpatialDropout3D: pass },
  // So are the layers that vary images.
  ...Object.fromEntries(augmentations.map((name) => [name, pass])),
  Identity: pass,
  Masking: importMasking,
  InputLayer: pass,
};
