import { Chart } from "../ui/chart.js";
import type { Part } from "./part.js";

/** Part 1: two networks train at once. */
export const sideBySide: Part = {
  id: "side-by-side",
  title: "1 · Side by side",
  text: (
    <p>
      Two networks start from the same random weights and see the same points in the same order. They differ only in
      what you choose. Press <b>Train</b> and watch which of them learns to tell the two classes apart.
    </p>
  ),
  formula: (
    <>
      loss = mean of −log p<sub>right class</sub>
    </>
  ),
  source: (
    <>
      Ioffe &amp; Szegedy 2015, <a href="https://arxiv.org/abs/1502.03167">arXiv:1502.03167</a>
    </>
  ),
  View: ({ run }) => {
    const { value } = run.snapshot;
    if (value === null) return null;
    const [a, b] = value.networks;
    return (
      <div class="figures">
        <Chart
          title="Loss on points never trained on"
          y="loss"
          series={[
            { name: "A", tone: "a", x: a.curves.step, y: a.curves.testLoss },
            { name: "B", tone: "b", x: b.curves.step, y: b.curves.testLoss },
          ]}
        />
        <Chart
          title="Share of them that are told right"
          y="accuracy"
          range={[0, 1]}
          series={[
            { name: "A", tone: "a", x: a.curves.step, y: a.curves.testAccuracy },
            { name: "B", tone: "b", x: b.curves.step, y: b.curves.testAccuracy },
          ]}
        />
      </div>
    );
  },
};
