import { number } from "../../fields.js";
import { formatValue } from "../../ui/format-value.js";
import { NumberBox } from "../../ui/number-box.js";
import { Mark, type Tone } from "./symbols.js";
import type { Walk, WalkInputs } from "./walk.js";
import type { ColumnName } from "./walk-step.js";

const columns: Readonly<Record<ColumnName, { readonly symbol: string; readonly tone: Tone; readonly spoken: string }>> =
  {
    x: { symbol: "x", tone: "input", spoken: "x" },
    centred: { symbol: "x − μ", tone: "mean", spoken: "x minus mean" },
    xHat: { symbol: "x̂", tone: "hat", spoken: "x hat" },
    y: { symbol: "y", tone: "out", spoken: "y" },
    dy: { symbol: "dy", tone: "gradient", spoken: "gradient of y" },
    dxHat: { symbol: "g = γ·dy", tone: "gradient", spoken: "gradient of x hat" },
    dx: { symbol: "dx", tone: "gradient", spoken: "gradient of x" },
  };

const anything = number(-1e6, 1e6, 0);

interface WalkTableProps {
  readonly names: readonly ColumnName[];
  readonly inputs: WalkInputs;
  /** Null where the library refused. */
  readonly walk: Walk | null;
  /** Takes a column that was changed. */
  readonly onChange: (name: "x" | "dy", values: readonly number[]) => void;
}

/** A row for each sample; what is given can be typed over. */
export function WalkTable({ names, inputs, walk, onChange }: WalkTableProps) {
  return (
    <table class="walk-table">
      <caption class="unseen">The numbers of each sample</caption>
      <thead>
        <tr>
          <th scope="col">sample</th>
          {names.map((name) => (
            <th key={name} scope="col">
              <Mark tone={columns[name].tone}>{columns[name].symbol}</Mark>
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {inputs.x.map((_, k) => (
          <tr key={k}>
            <th scope="row">{k + 1}</th>
            {names.map((name) => (
              <td key={name}>
                {name === "x" || name === "dy" ? (
                  <NumberBox
                    label={`${columns[name].spoken} of sample ${k + 1}`}
                    field={anything}
                    value={inputs[name][k]}
                    onChange={(value) => onChange(name, inputs[name].with(k, value))}
                  />
                ) : walk === null ? (
                  "–"
                ) : (
                  formatValue(walk[name][k])
                )}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
