import { createContext } from 'preact';
import { useContext } from 'preact/hooks';

/** The state of a view for the components inside it: a provider, and a hook that throws outside of one. */
export function contextOf<T>(view: string) {
  const context = createContext<T | null>(null);
  const use = (): T => {
    const state = useContext(context);
    if (!state) throw new Error(`there is no ${view} around this component`);
    return state;
  };
  return [context.Provider, use] as const;
}
