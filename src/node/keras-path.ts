/** Whether a path names a Keras model. */
export function isKerasPath(path: string): boolean {
  return /\.(keras|h5|hdf5)$/i.test(path);
}
