/** Momenta that are followed side by side, whichever the network itself has: they do not change how it trains. */
export const momenta = [0, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999] as const;
