/** How a refusal reads; the class of the error comes first. */
export function messageOf(refused: () => unknown): string {
  try {
    refused();
  } catch (error) {
    return String(error);
  }
  return "nothing thrown";
}
