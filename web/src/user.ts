// The signed-in person, for every page below the shell.

import { createContext, useContext } from "react";
import type { Party, Role } from "./types";

export const UserContext = createContext<Party | null>(null);

/** The signed-in person; only on pages that are shown to one. */
export function useUser(): Party {
  const user = useContext(UserContext);
  if (!user) throw new Error("this page is for signed-in people");
  return user;
}

const STAFF: Role[] = ["operator", "utility", "auditor", "admin"];

export function isStaff(user: Party | null | undefined): boolean {
  return !!user && user.roles.some((role) => STAFF.includes(role));
}
