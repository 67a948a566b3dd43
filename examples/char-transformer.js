// A small transformer that learns a nursery rhyme, character by character, and goes on with it.
import {
  Adam,
  batches,
  Embedding,
  fit,
  GELU,
  Linear,
  Module,
  oneCycleLr,
  predict,
  Residual,
  RmsNorm,
  Sequential,
  seed,
  softmax,
  tensor,
} from "evenkeel";

// "This is the house that Jack built" (traditional): each verse begins with a new line and goes on with all before it.
const lines = [
  "the house that Jack built",
  "the malt that lay in",
  "the rat that ate",
  "the cat that killed",
  "the dog that worried",
  "the cow with the crumpled horn that tossed",
  "the maiden all forlorn that milked",
  "the man all tattered and torn that kissed",
  "the priest all shaven and shorn that married",
  "the cock that crowed in the morn that woke",
];
const verses = lines.map(
  (_, k) =>
    `This is ${lines
      .slice(0, k + 1)
      .reverse()
      .join(" ")}.\n`,
);
const text = verses.join("");

const alphabet = [...new Set(text)];
const codes = Array.from(text, (character) => alphabet.indexOf(character));
const [context, width, heads] = [32, 32, 4];

/**
 * Each character looks back at those before it: softmax(q·kᵀ / √d)·v (Vaswani et al. 2017, arXiv:1706.03762, equation
 * 1).
 */
class CausalAttention extends Module {
  project = new Linear(width, 3 * width);
  out = new Linear(width, width);
  /** Added to the scores: −∞ where a character would look ahead, so that its share becomes 0. */
  mask = tensor(
    Array.from({ length: context }, (_, i) => Array.from({ length: context }, (_, j) => (j > i ? -Infinity : 0))),
  );

  forward(x) {
    const [n, length] = x.shape;
    const size = width / heads;
    // (n, length, 3·width) to (n, 3·heads, length, size), of which a third each are queries, keys and values.
    const all = this.project
      .forward(x)
      .reshape([n, length, 3 * heads, size])
      .transpose([0, 2, 1, 3]);
    const [q, k, v] = [0, 1, 2].map((part) => all.slice(part * heads, (part + 1) * heads, 1));
    const scores = q.matmul(k.transpose([0, 1, 3, 2])).div(Math.sqrt(size));
    const seen = softmax(scores.add(this.mask)).matmul(v);
    return this.out.forward(seen.transpose([0, 2, 1, 3]).reshape([n, length, width]));
  }
}

/** RMS norm stands before each half of a block, so that what is added to x starts small. */
function block() {
  return new Sequential(
    new Residual(new Sequential(new RmsNorm(width), new CausalAttention())),
    new Residual(
      new Sequential(new RmsNorm(width), new Linear(width, 4 * width), new GELU(), new Linear(4 * width, width)),
    ),
  );
}

/** From the codes of `context` characters, (n, context), the logits of what follows each: (n·context, alphabet). */
class CharTransformer extends Module {
  characters = new Embedding(alphabet.length, width);
  places = new Embedding(context, width);
  blocks = new Sequential(block(), block());
  head = new Sequential(new RmsNorm(width), new Linear(width, alphabet.length));

  forward(x) {
    const places = this.places.forward(Int32Array.from({ length: context }, (_, k) => k));
    const h = this.characters.forward(x).add(places);
    return this.head.forward(this.blocks.forward(h)).reshape([-1, alphabet.length]);
  }
}

seed(1);
// A sample is every stretch of `context` characters; its targets are the same stretch, one character on.
const stretches = {
  length: codes.length - context,
  batch: (starts) => ({
    inputs: {
      values: Float32Array.from(Array.from(starts).flatMap((start) => codes.slice(start, start + context))),
      shape: [starts.length, context],
    },
    targets: Int32Array.from(Array.from(starts).flatMap((start) => codes.slice(start + 1, start + 1 + context))),
  }),
};
const model = new CharTransformer();
const { epochs } = await fit(model, batches(stretches, { batchSize: 32, shuffle: true }), {
  epochs: 5,
  optimizer: new Adam(model.parameters(), { lr: 1e-2 }),
  schedule: oneCycleLr(1e-2),
});

// What is lost by knowing only how frequent each character is: −Σ p·ln p.
const shares = alphabet.map((_, code) => codes.filter((other) => other === code).length / codes.length);
const entropy = -shares.reduce((sum, p) => sum + p * Math.log(p), 0);
console.log(`entropy of single characters ${entropy.toFixed(2)}, loss ${epochs.at(-1)?.loss.toFixed(2)}`);

let rhyme = "This is the cow with the crumpled";
while (rhyme.length < 120) {
  const last = Array.from(rhyme.slice(-context), (character) => alphabet.indexOf(character));
  const logits = await (await predict(model, tensor([last]))).data();
  const next = logits.slice(-alphabet.length); // of the last character
  rhyme += alphabet[next.indexOf(Math.max(...next))];
}
console.log(rhyme);
