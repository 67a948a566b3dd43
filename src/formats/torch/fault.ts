import { FormatError } from "../../errors.js";

/** Makes the error of a file that is not as it should be. */
export type Fault = (expected: string, received: string, cure?: string) => FormatError;

/** How to save what can be read. */
export const saveState = "Save the state dict alone: torch.save(model.state_dict(), path).";

/** The {@link Fault} of PyTorch's files. */
export const torchFault: Fault = (
  expected,
  received,
  cure = "Check that the file is complete, as torch.save wrote it.",
) => new FormatError({ where: "readTorch(bytes)", expected, received, cure });
