// The layer builder: six short answers become one sentence that stays editable.

export const FIELDS = ["subject", "action", "setting", "camera", "light", "motion"] as const;
export type Field = (typeof FIELDS)[number];
export type Answers = Record<Field, string>;

export const EMPTY: Answers = {
  subject: "",
  action: "",
  setting: "",
  camera: "",
  light: "",
  motion: "",
};

export const ABOUT: Record<Field, { label: string; example: string }> = {
  subject: { label: "Subject", example: "a fisherman in a yellow raincoat" },
  action: { label: "Action", example: "hauls a net" },
  setting: { label: "Setting", example: "on a wooden dock in a grey harbor, fog" },
  camera: { label: "Camera", example: "slow push in from medium to close" },
  light: { label: "Light", example: "soft overcast light at dawn" },
  motion: { label: "Motion", example: "slowly to the left" },
};

const tidy = (text: string) =>
  text
    .trim()
    .replace(/\s+/g, " ")
    .replace(/[\s.,;]+$/, "");

/** Who does what, how, and where in one clause; camera and light after it. */
export function compose(answers: Answers): string {
  const part = (field: Field) => tidy(answers[field]);
  const clause = [part("subject"), part("action"), part("motion"), part("setting")]
    .filter(Boolean)
    .join(" ");
  const text = [clause, part("camera"), part("light")].filter(Boolean).join(", ");
  return text && `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
