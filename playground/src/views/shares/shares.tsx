import type { ComponentChildren } from "preact";
import type { Part } from "../part.js";
import "./shares.css";

/** How many samples, channels and positions the cube shows. */
const [samples, channels, positions] = [4, 6, 4];

interface Norm {
  readonly name: string;
  /** Whether a channel of a sample shares its mean with channel 2 of sample 1. */
  readonly shares: (sample: number, channel: number) => boolean;
  readonly text: string;
}

const norms: readonly Norm[] = [
  {
    name: "batch norm",
    shares: (_, channel) => channel === 2,
    text: "One channel, all samples. Samples depend on each other in training.",
  },
  {
    name: "layer norm",
    shares: (sample) => sample === 1,
    text: "One sample, all channels. The same in training and at inference.",
  },
  {
    name: "instance norm",
    shares: (sample, channel) => sample === 1 && channel === 2,
    text: "One channel of one sample: removes the contrast of each picture.",
  },
  {
    name: "group norm",
    shares: (sample, channel) => sample === 1 && channel >= 2 && channel < 4,
    text: "Some channels of one sample. With one group it is layer norm, with a group for each channel instance norm.",
  },
  {
    name: "RMS norm",
    shares: (sample) => sample === 1,
    text: "As layer norm, but only divides by the root mean square: no mean is subtracted.",
  },
];

/** Which values share a mean, as the cube of Wu & He. */
export const shares: Part = {
  id: "shares",
  title: "What shares a mean",
  text: (
    <p>
      The outputs of a layer for a batch of pictures form a block: samples N across, channels C upwards, positions H·W
      into the depth. A norm is a choice of which of these values share a mean and a standard deviation: the coloured
      ones. In the networks of this page a unit has one value per sample: the block has no depth, and instance norm
      nothing to average.
    </p>
  ),
  formula: <>x̂ = (x − mean) / √(variance + ε)</>,
  source: (
    <>
      After figure 2 of Wu &amp; He 2018, <a href="https://arxiv.org/abs/1803.08494">arXiv:1803.08494</a>. Layer norm:{" "}
      <a href="https://arxiv.org/abs/1607.06450">arXiv:1607.06450</a>; RMS norm:{" "}
      <a href="https://arxiv.org/abs/1910.07467">arXiv:1910.07467</a>.
    </>
  ),
  View: () => (
    <div class="cubes">
      {norms.map(({ name, shares: isShared, text }) => (
        <figure key={name}>
          <figcaption>
            <b>{name}</b>
          </figcaption>
          <svg viewBox="0 0 186 190" role="img" aria-label={`${name}: ${text}`}>
            {faces(isShared)}
            <text x={58} y={187}>
              N
            </text>
            <text x={2} y={112}>
              C
            </text>
            <text x={140} y={182}>
              H·W
            </text>
          </svg>
          <p>{text}</p>
        </figure>
      ))}
    </div>
  ),
};

/** Pixels of a cell, and how far a step into the depth goes to the right and up. */
const [side, right, up] = [22, 11, 7];
const [left, bottom] = [18, 170];

/** The front, the top and the right side of the block. */
function faces(isShared: Norm["shares"]): ComponentChildren {
  const at = (sample: number, channel: number, depth: number): string =>
    `${left + sample * side + depth * right},${bottom - channel * side - depth * up}`;
  const cell = (key: string, shared: boolean, ...corners: string[]) => (
    <polygon key={key} class={shared ? "shared" : ""} points={corners.join(" ")} />
  );
  const cells = [];
  for (let c = 0; c < channels; c++) {
    for (let n = 0; n < samples; n++) {
      const corners = [at(n, c, 0), at(n + 1, c, 0), at(n + 1, c + 1, 0), at(n, c + 1, 0)];
      cells.push(cell(`front ${c} ${n}`, isShared(n, c), ...corners));
    }
    for (let d = 0; d < positions; d++) {
      const corners = [at(samples, c, d), at(samples, c, d + 1), at(samples, c + 1, d + 1), at(samples, c + 1, d)];
      cells.push(cell(`side ${c} ${d}`, isShared(samples - 1, c), ...corners));
    }
  }
  for (let n = 0; n < samples; n++) {
    for (let d = 0; d < positions; d++) {
      const corners = [at(n, channels, d), at(n + 1, channels, d), at(n + 1, channels, d + 1), at(n, channels, d + 1)];
      cells.push(cell(`top ${n} ${d}`, isShared(n, channels - 1), ...corners));
    }
  }
  return cells;
}
