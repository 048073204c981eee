/** Who works here: the same three people in every simulated service. */
export const passwords: ReadonlyMap<string, string> = new Map([
  ['alice', 'wonderland'],
  ['bob', 'builder'],
  ['carol', 'contractor'],
])

/** The user name may come as `DOMAIN\user` or `user@domain`, in any letter case. */
export function passwordIsRight(userName: string, password: string): boolean {
  return passwords.get(accountName(userName)) === password
}

/** `EXAMPLE\Alice` and `alice@example.com` → `alice` */
export function accountName(userName: string): string {
  const withoutDomain = userName.slice(userName.lastIndexOf('\\') + 1)
  return (withoutDomain.split('@')[0] as string).toLowerCase()
}
