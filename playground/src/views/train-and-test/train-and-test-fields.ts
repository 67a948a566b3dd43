import { choice, integer } from "../../fields.js";
import { momenta } from "../../training/statistics-trace.js";

/** What of part 3 stands in the address. */
export const trainAndTestFields = {
  /** The network that is looked at, if both have running statistics. */
  tested: choice(["b", "a"]),
  /** Which statistics the layer is shown with. */
  statistics: choice(["batch", "running"]),
  /** The momentum whose memory is drawn. */
  memory: choice(momenta.map(String), "0.9"),
  /** How many samples share a batch with the one that is followed, itself included. */
  mates: integer(1, 256, 8),
};
