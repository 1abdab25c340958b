import { inputsOf, type Tape, type TapeOp, type TapeValue } from '../tape.ts';

export type Users = (value: TapeValue) => readonly TapeOp[];

/** The calls that read a value; none where it is a result of the tape. */
export function usersIn({ ops, outputs, updates }: Tape): Users {
  const users = new Map<TapeValue, TapeOp[]>();
  for (const op of ops) for (const input of new Set(inputsOf(op))) users.set(input, [...(users.get(input) ?? []), op]);
  const kept = new Set([...Object.values(outputs), ...updates]);
  return (value) => (kept.has(value) ? [] : (users.get(value) ?? []));
}
