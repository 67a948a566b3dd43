import { onWarning } from "evenkeel";
import { beforeEach } from "vitest";

// A warning nobody expects is a failure; tests that expect one set their own handler.
beforeEach(() => {
  onWarning((message) => {
    throw new Error(`unexpected warning: ${message}`);
  });
});
