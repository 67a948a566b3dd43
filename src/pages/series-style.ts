/** How many colours the page's style has. */
const colours = 8;

/** The colour of the series of this number: a variable of the page's style. */
export function strokeOf(series: number): string {
  return `var(--series-${(series % colours) + 1})`;
}

const dashes = [null, "7 3", "2 3", "9 3 2 3"] as const;

/** Its dashes, so that nobody needs the colour to tell it from its neighbours; others when colours begin again. */
export function dashOf(series: number): string | null {
  return dashes[(series + Math.floor(series / colours)) % dashes.length];
}

/** How much of its colour a band shows. */
export const bandOpacity = 0.2;
