import type { Command } from './command.ts'
import { appConfigCommand } from './commands/app-config.ts'
import { appList } from './commands/app-list.ts'
import { appRevoke } from './commands/app-revoke.ts'
import { appSimulate } from './commands/app-simulate.ts'
import { auditCommand } from './commands/audit.ts'
import { bypassCommand } from './commands/bypass.ts'
import { checkCommand } from './commands/check.ts'
import { deviceApprove } from './commands/device-approve.ts'
import { deviceBlock } from './commands/device-block.ts'
import { deviceCommand } from './commands/device-command.ts'
import { deviceForget } from './commands/device-forget.ts'
import { deviceList } from './commands/device-list.ts'
import { deviceShow } from './commands/device-show.ts'
import { deviceUnblock } from './commands/device-unblock.ts'
import { doctorCommand } from './commands/doctor.ts'
import { enrollCaInit } from './commands/enroll-ca-init.ts'
import { enrollCaRotate } from './commands/enroll-ca-rotate.ts'
import { enrollCertificates } from './commands/enroll-certificates.ts'
import { enrollCodeCreate } from './commands/enroll-code-create.ts'
import { enrollCodeList } from './commands/enroll-code-list.ts'
import { enrollCodeRevoke } from './commands/enroll-code-revoke.ts'
import { enrollList } from './commands/enroll-list.ts'
import { enrollProfileList } from './commands/enroll-profile-list.ts'
import { enrollProfilePush } from './commands/enroll-profile-push.ts'
import { enrollProfileShow } from './commands/enroll-profile-show.ts'
import { enrollRemove } from './commands/enroll-remove.ts'
import { enrollRevoke } from './commands/enroll-revoke.ts'
import { enrollShow } from './commands/enroll-show.ts'
import { enrollSimulate } from './commands/enroll-simulate.ts'
import { explainCommand } from './commands/explain.ts'
import { migrateCommand } from './commands/migrate.ts'
import { policyTest } from './commands/policy-test.ts'
import { push } from './commands/push.ts'
import { runCommand } from './commands/run.ts'
import { tokenCreate } from './commands/token-create.ts'
import { tokenList } from './commands/token-list.ts'
import { tokenRevoke } from './commands/token-revoke.ts'
import { vendorConfirm } from './commands/vendor-confirm.ts'
import { vendorLink } from './commands/vendor-link.ts'
import { vendorList } from './commands/vendor-list.ts'
import { vendorPoll } from './commands/vendor-poll.ts'
import { vendorTest } from './commands/vendor-test.ts'
import { vendorUnlink } from './commands/vendor-unlink.ts'
import { versionCommand } from './commands/version.ts'

/** The commands, one file each, in the order in which the help shows them. */
export const commands: readonly Command[] = [
  runCommand,
  checkCommand,
  explainCommand,
  policyTest,
  push,
  deviceList,
  deviceShow,
  deviceApprove,
  deviceBlock,
  deviceUnblock,
  deviceForget,
  deviceCommand,
  enrollList,
  enrollShow,
  enrollRemove,
  enrollProfileList,
  enrollProfileShow,
  enrollProfilePush,
  enrollCertificates,
  enrollRevoke,
  enrollCaInit,
  enrollCaRotate,
  tokenCreate,
  tokenList,
  tokenRevoke,
  appList,
  appRevoke,
  appConfigCommand,
  vendorList,
  vendorTest,
  vendorPoll,
  vendorConfirm,
  vendorLink,
  vendorUnlink,
  enrollCodeCreate,
  enrollCodeList,
  enrollCodeRevoke,
  appSimulate,
  enrollSimulate,
  bypassCommand,
  auditCommand,
  migrateCommand,
  doctorCommand,
  versionCommand,
]
