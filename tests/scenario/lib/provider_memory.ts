// What a provider remembers of its sessions, codes and tokens: longer than one set of keys, as long as the test.
import type { Adapter, AdapterPayload } from "oidc-provider";

type Match = (payload: AdapterPayload) => boolean;

class Kind implements Adapter {
  constructor(
    private readonly all: Map<string, AdapterPayload>,
    private readonly name: string,
  ) {}

  async upsert(id: string, payload: AdapterPayload): Promise<void> {
    this.all.set(this.key(id), payload);
  }

  async find(id: string): Promise<AdapterPayload | undefined> {
    return this.all.get(this.key(id));
  }

  async findByUid(uid: string): Promise<AdapterPayload | undefined> {
    return this.first((payload) => payload.uid === uid);
  }

  async findByUserCode(userCode: string): Promise<AdapterPayload | undefined> {
    return this.first((payload) => payload.userCode === userCode);
  }

  async consume(id: string): Promise<void> {
    const payload = this.all.get(this.key(id));
    if (payload !== undefined) {
      payload.consumed = Math.floor(Date.now() / 1000);
    }
  }

  async destroy(id: string): Promise<void> {
    this.all.delete(this.key(id));
  }

  async revokeByGrantId(grantId: string): Promise<void> {
    for (const [key, payload] of this.all) {
      if (key.startsWith(this.key("")) && payload.grantId === grantId) {
        this.all.delete(key);
      }
    }
  }

  private first(matches: Match): AdapterPayload | undefined {
    return [...this.all].find(([key, payload]) => key.startsWith(this.key("")) && matches(payload))?.[1];
  }

  private key(id: string): string {
    return `${this.name} ${id}`;
  }
}

/** One memory, which any number of providers one after the other may share. */
export function newMemory(): (name: string) => Adapter {
  const all = new Map<string, AdapterPayload>();
  return (name) => new Kind(all, name);
}
