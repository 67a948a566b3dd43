import { leafClasses } from "./leaf-classes.js";
import type { AnyModule } from "./module.js";
import { Residual } from "./residual.js";
import { Sequential } from "./sequential.js";

/** The library's layers by the name that files know them by. */
export const layerClasses: Readonly<Record<string, new (...given: never[]) => AnyModule>> = {
  ...leafClasses,
  ...{ Sequential, Residual },
};
