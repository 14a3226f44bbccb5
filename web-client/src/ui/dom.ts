/** Finds what index.html promises to have. */
export function byId<T extends HTMLElement>(id: string, kind: new () => T): T {
  const element = document.getElementById(id);
  if (!(element instanceof kind)) throw new Error(`the page has no ${kind.name} #${id}`);
  return element;
}

/** Makes an element. Text from outside goes in as text, never as markup. */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  properties: Partial<HTMLElementTagNameMap[K]> = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

/** What stands before the plaza: a headline, which can have the focus, a text, and what is added. */
export function card(title: string, text: string): HTMLElement {
  const heading = make('h2', { textContent: title, tabIndex: -1 });
  return make('section', { className: 'card' }, heading, make('p', { textContent: text }));
}
