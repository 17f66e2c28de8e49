/** Phases of a package as people see them, in the order of work. */
import type { Phase } from "../api/schema";
import type { IconName } from "../ui/icons";

export type Tone = "neutral" | "busy" | "good" | "bad";

interface Shown {
  icon: IconName;
  tone: Tone;
  turning?: boolean;
  about: string;
}

export const PHASES: Record<Phase, Shown> = {
  PENDING: { icon: "clock", tone: "neutral", about: "Saved; the operator has not looked at it yet, or nothing was asked for" },
  VALIDATING: { icon: "refresh", tone: "busy", turning: true, about: "The dependencies are being resolved" },
  VALID: { icon: "check", tone: "neutral", about: "All dependencies resolve; nothing is built yet" },
  INVALID: { icon: "cross", tone: "bad", about: "The dependencies can't be resolved together" },
  QUEUED: { icon: "hourglass", tone: "busy", about: "The build waits for its turn" },
  INSTALLING: { icon: "refresh", tone: "busy", turning: true, about: "The dependencies are being installed" },
  PACKAGING: { icon: "refresh", tone: "busy", turning: true, about: "The installed files are being zipped" },
  UPLOADING: { icon: "refresh", tone: "busy", turning: true, about: "The ZIP is being uploaded" },
  COMPLETED: { icon: "check", tone: "good", about: "The ZIP is ready for use" },
  FAILED: { icon: "cross", tone: "bad", about: "The build failed" },
};

export const ORDER = Object.keys(PHASES) as Phase[];
