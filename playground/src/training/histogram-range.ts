/** The values that histograms show; what lies beyond is counted apart. */
export const histogramRange = [-4, 4] as const;
