/** Cells along each side of the grid on which the decision is drawn, over [-1.25, 1.25]². */
export const gridSide = 48;
export const gridReach = 1.25;
