import type { JSX } from "preact";
import { Dialog } from "./dialog";
import { letters, setLetters } from "./keys";

const GROUPS: [string, [string, string][]][] = [
  [
    "Everywhere",
    [
      ["?", "This help"],
      ["g p", "Dep Packages"],
      ["g f", "Flows"],
      ["n", "New package"],
      ["/", "Filter, or find by slug"],
      ["Esc", "Close"],
    ],
  ],
  [
    "Package",
    [
      ["a", "Search for a dependency"],
      ["i", "Import a requirements.txt"],
      ["t", "Table or text"],
      ["Ctrl+S", "Save"],
      ["Ctrl+Shift+V", "Validate"],
      ["Ctrl+Enter", "Save & Build"],
      ["Ctrl+Z", "Undo"],
      ["f", "Follow the log"],
      ["w", "Wrap the log"],
      ["F3", "Next line that has what the log is searched for"],
    ],
  ],
  [
    "List",
    [
      ["j  ↓", "Next row"],
      ["k  ↑", "Row before"],
      ["Enter", "Open"],
      ["c", "Copy its slug"],
    ],
  ],
];

export function Help({ onClose }: { onClose: () => void }): JSX.Element {
  return (
    <Dialog title="Keyboard" onClose={onClose}>
      {GROUPS.map(([name, keys]) => (
        <section class="help-group" key={name}>
          <h3>{name}</h3>
          <dl>
            {keys.map(([key, text]) => (
              <div key={key}>
                <dt>
                  {key.split(/ +/).map((one) => (
                    <kbd key={one}>{one}</kbd>
                  ))}
                </dt>
                <dd>{text}</dd>
              </div>
            ))}
          </dl>
        </section>
      ))}
      <label class="check">
        <input type="checkbox" checked={letters.value} onChange={(event) => setLetters(event.currentTarget.checked)} />
        Use single letters as shortcuts
      </label>
    </Dialog>
  );
}
