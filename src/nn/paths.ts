/** The path of what stands inside a module, as in `namedModules()`: the module itself has none. */
export function joinPath(path: string, key: string): string {
  return path === "" || key === "" ? path + key : `${path}.${key}`;
}
