/** So many samples stand for all, where a mean over all is wanted. */
export const populationSize = 400;
