import type { ComponentChildren, JSX } from "preact";
import type { Phase } from "../api/schema";
import { Icon, type IconName } from "../ui/icons";
import { PHASES, type Tone } from "./phases";

/** A state: its drawing, its word and its colour say the same. */
export function State(props: { icon: IconName; tone: Tone; about: string; turning?: boolean; children: ComponentChildren }): JSX.Element {
  const { icon, tone, turning, about, children } = props;
  return (
    <span class={`badge ${tone}`} title={about}>
      <Icon name={icon} turning={turning ?? false} />
      {children}
    </span>
  );
}

export function Badge({ phase }: { phase: Phase }): JSX.Element {
  return <State {...PHASES[phase]}>{phase}</State>;
}

/** Of a thing that is on its way out. */
export function Deleting({ blocked = false }: { blocked?: boolean }): JSX.Element {
  if (blocked) return <State icon="alert" tone="bad" about="It is being deleted, and something prevents it">DELETING</State>;
  return <State icon="hourglass" tone="neutral" about="It is being deleted">DELETING</State>;
}
