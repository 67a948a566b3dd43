import { loadRun, type Run } from "../node/load-run.js";

/** The model that a command line names. */
export function openModel(run: string, { model }: { readonly model: string | undefined }): Promise<Run> {
  return loadRun(run, model === undefined ? {} : { network: model });
}
