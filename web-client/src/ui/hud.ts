import type { Percentiles } from '../core/latency';
import type { ConnectionState } from '../core/state';
import { byId } from './dom';
import { describe } from './words';

const TITLE = document.title;

/** The line that is always there: how the connection is, which build, how fast acks come. */
export class Hud {
  private readonly chip = byId('connection', HTMLParagraphElement);
  private readonly text = byId('connection-text', HTMLSpanElement);
  private readonly build = byId('build', HTMLElement as unknown as new () => HTMLElement);
  private readonly latency = byId('latency', HTMLSpanElement);
  private readonly latencyText = byId('latency-text', HTMLElement as unknown as new () => HTMLElement);
  private readonly leave = byId('leave', HTMLButtonElement);

  constructor(leave: () => void) {
    this.leave.addEventListener('click', leave);
  }

  showState(state: ConnectionState): void {
    document.body.dataset.state = state.name;
    document.body.dataset.held = state.name === 'reconnecting' ? state.held : '';
    document.body.dataset.role = state.name === 'active' ? state.role : (document.body.dataset.role ?? '');
    document.title = state.name === 'queued' && state.position !== undefined ? `(${state.position}) ${TITLE}` : TITLE;
    this.chip.dataset.state = state.name;
    const text = describe(state);
    if (this.text.textContent !== text) this.text.textContent = text;
    this.leave.hidden = !['active', 'reconnecting', 'queued'].includes(state.name);
    if (state.name === 'active') this.showBuild(state.build);
  }

  showBuild(build: string): void {
    this.build.textContent = build === '' ? '…' : build;
  }

  showLatency(read: Percentiles | undefined): void {
    if (read === undefined) return;
    const [p50, p95] = [read.p50.toFixed(0), read.p95.toFixed(0)];
    this.latencyText.textContent = `p50 ${p50} ms · p95 ${p95} ms`;
    Object.assign(this.latency.dataset, { p50, p95, count: String(read.count) });
  }
}
