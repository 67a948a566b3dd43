/** A network of Evenkeel's layers from its description in `cases.js`. @param {typeof import("evenkeel")} evenkeel */
export function sequential(evenkeel, layers) {
  const { BatchNorm, Conv2d, Flatten, GlobalAvgPool2d, Linear, MaxPool2d, ReLU, Residual, Sequential } = evenkeel;
  const layersOf = {
    conv: (inputs, outputs, stride = 1) => new Conv2d(inputs, outputs, 3, { padding: 1, stride }),
    residual: (inputs, outputs, stride) => {
      const projection = new Sequential(new Conv2d(inputs, outputs, 1, { stride }), new BatchNorm(outputs));
      const first = [layersOf.conv(inputs, outputs, stride), new BatchNorm(outputs), new ReLU()];
      const body = new Sequential(...first, layersOf.conv(outputs, outputs), new BatchNorm(outputs));
      return new Residual(body, inputs === outputs ? null : projection);
    },
    globalAvgPool: () => new GlobalAvgPool2d(),
    linear: (inputs, outputs) => new Linear(inputs, outputs),
    batchNorm: (features) => new BatchNorm(features),
    relu: () => new ReLU(),
    maxPool: () => new MaxPool2d(2),
    flatten: () => new Flatten(),
  };
  return new Sequential(...layers.map(([type, ...sizes]) => layersOf[type](...sizes)));
}
