import { useEffect, useRef, useState } from "preact/hooks";
import type { Run } from "../run.js";
import type { Answer, Answers, Question } from "../worker/answers.js";

/** An answer of the worker, or why there is none. */
export interface Answered<T> {
  readonly value: T | null;
  readonly error: string | null;
}

/**
 * Asks the worker again and again, while training goes on and what is shown is `visible`; one question at a time, and
 * `pause` ms between two.
 */
export function useAnswer<Name extends keyof Answers>(
  run: Run,
  name: Name,
  argument: Question<Name>,
  visible: boolean,
  pause = 500,
): Answered<Answer<Name>> {
  const [answered, setAnswered] = useState<Answered<Answer<Name>>>({ value: null, error: null });
  const [turn, setTurn] = useState(0);
  const latest = useRef({ busy: false, asked: "" });
  const snapshot = run.snapshot.value;
  const steps = snapshot?.networks.map((network) => `${network.steps}${network.error ?? ""}`).join();
  const key = `${JSON.stringify([run.settings.value.experiment, argument])} ${steps}`;
  useEffect(() => {
    const state = latest.current;
    if (!visible || snapshot === null || state.busy || state.asked === key) return;
    state.busy = true;
    state.asked = key;
    run
      .ask(name, argument)
      .then(
        (value) => setAnswered({ value, error: null }),
        (error: Error) => setAnswered({ value: null, error: error.message }),
      )
      .finally(() => {
        setTimeout(() => {
          state.busy = false;
          setTurn((count) => count + 1);
        }, pause);
      });
  }, [key, visible, turn]);
  return answered;
}
