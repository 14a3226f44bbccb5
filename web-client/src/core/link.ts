import { decodeFrame } from './protocol';
import type { ClientMessage, ServerMessage } from './protocol';

export const SUBPROTOCOL = 'playhouse.v1.json';

/** The part of WebSocket that is used. */
export interface Socket {
  onopen: ((event: Event) => unknown) | null;
  onmessage: ((event: MessageEvent) => unknown) | null;
  onclose: ((event: CloseEvent) => unknown) | null;
  send(data: string): void;
  close(): void;
}

export interface LinkEvents {
  onMessage(message: ServerMessage): void;
  /** A frame that breaks the schema. */
  onUnreadable(): void;
  onClose(code: number): void;
}

/** One connection: it says its first words when it opens, and is never heard again once it was closed here. */
export class Link {
  /** It was open, though it may not be any more. */
  opened = false;
  private over = false;

  constructor(
    private readonly socket: Socket,
    first: ClientMessage,
    private readonly events: LinkEvents,
  ) {
    socket.onopen = () => {
      if (this.over) return;
      this.opened = true;
      this.send(first);
    };
    socket.onmessage = (event) => this.hear(String(event.data));
    socket.onclose = (event) => {
      if (this.over) return;
      this.over = true;
      this.events.onClose(event.code);
    };
  }

  /** In one frame. */
  send(...messages: ClientMessage[]): void {
    this.socket.send(JSON.stringify(messages.length === 1 ? messages[0] : messages));
  }

  close(): void {
    this.over = true;
    this.socket.close();
  }

  private hear(data: string): void {
    if (this.over) return;
    let messages: ServerMessage[];
    try {
      messages = decodeFrame(data);
    } catch {
      this.events.onUnreadable();
      return;
    }
    for (const message of messages) if (!this.over) this.events.onMessage(message);
  }
}
