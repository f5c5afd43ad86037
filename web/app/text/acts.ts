// How acts and states are named, wherever they are.
import { Act } from "../../gen/musubi/v1/common_pb.ts";
import type { Words } from "../../ui/i18n.tsx";

/** What a journey is for, as a short name. */
export const actNames: Record<Exclude<keyof typeof Act, "UNSPECIFIED">, Words> = {
  LINK: { ja: "マイナンバーカードをアカウントに結びつける", en: "Link your My Number Card to your account" },
  UNLINK: { ja: "マイナンバーカードの結びつきを解除する", en: "Unlink your My Number Card" },
  VERIFY: {
    ja: "マイナンバーカードで本人であることを示す",
    en: "Prove with your My Number Card that it is you",
  },
  REPLACE: { ja: "結びついているカードを新しいカードに替える", en: "Replace the linked card with a new one" },
};

export function actName(act: Act): Words {
  switch (act) {
    case Act.UNLINK:
      return actNames.UNLINK;
    case Act.VERIFY:
      return actNames.VERIFY;
    case Act.REPLACE:
      return actNames.REPLACE;
    default:
      return actNames.LINK;
  }
}
