import type { Platform } from '../../domain/client-identity.ts'

/** By the hardware code (`iPhone15,2`, `Mac14,7`), else by the name of the model. */
export function platformOf(productName: string | undefined, model?: string): Platform | undefined {
  const text = productName ?? model
  if (text === undefined) return undefined
  if (/^(?:iPhone|iPod)/.test(text)) return 'ios'
  if (/^iPad/.test(text)) return 'ipados'
  if (/^(?:i?Mac|VirtualMac|Xserve)/.test(text)) return 'macos'
  return 'other'
}
