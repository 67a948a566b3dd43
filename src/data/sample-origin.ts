/** Where a sample comes from. */
export interface SampleOrigin {
  /** A row of a table, the header being row 1, or a place in an array or a folder, from 0. */
  readonly row: number;
  /** What stood in the columns that are inputs, in their order; null where the data are no table. */
  readonly cells: readonly string[] | null;
}
