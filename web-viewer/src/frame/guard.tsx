import { Component, type ComponentChildren } from 'preact';
import { messageOf } from '../site/problem.ts';

interface Props {
  readonly name: string;
  readonly children: ComponentChildren;
}

interface State {
  readonly problem: string | null;
}

/** An error boundary: a failing view does not take the page down. */
export class Guard extends Component<Props, State> {
  override state: State = { problem: null };

  static override getDerivedStateFromError(error: unknown): State {
    return { problem: messageOf(error) };
  }

  override componentDidCatch(error: unknown): void {
    console.error(error);
  }

  override render() {
    const { problem } = this.state;
    if (problem === null) return this.props.children;
    return (
      <div class="say" role="alert">
        <p>
          {this.props.name} cannot be shown: {problem}
        </p>
        <button type="button" class="button" onClick={() => this.setState({ problem: null })}>
          Try again
        </button>
      </div>
    );
  }
}
