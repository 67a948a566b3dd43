/** This package's version; saved models hold it. */
export const version = "0.1.0";
