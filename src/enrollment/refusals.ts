import type { Answer } from '../domain/answer.ts'

/**
 * Why somebody is not enrolled, in plain words. Browsers get a page; devices, which show their user no more than that it
 * failed, get the same words as text, and the log holds the code.
 */
export interface Refusal {
  readonly status: number
  readonly title: string
  readonly sentence: string
  readonly advice: string
}

const again = 'Go back to the beginning and sign in again.'
const support = 'If it happens again, ask your organisation’s support and give the reference below.'

export const refusals = {
  'request.malformed': {
    status: 400,
    title: 'This request cannot be read',
    sentence: 'What your browser or device sent is not what this page expects.',
    advice: `${again} ${support}`,
  },
  'request.unknown': {
    status: 404,
    title: 'There is no such page',
    sentence: 'This address enrolls phones, tablets and Macs.',
    advice: 'Check the address that you were given.',
  },
  'request.method': {
    status: 405,
    title: 'This address works in another way',
    sentence: 'The request’s method is not the one that this address takes.',
    advice: again,
  },
  'request.too-large': {
    status: 413,
    title: 'This request is too large',
    sentence: 'It was not read.',
    advice: support,
  },
  'sign-in.needed': {
    status: 403,
    title: 'Sign in first',
    sentence: 'You are not signed in, or it was too long ago.',
    advice: again,
  },
  'sign-in.consent-needed': {
    status: 403,
    title: 'Agree first',
    sentence: 'Nothing is installed before you have read what your organisation will be able to do.',
    advice: again,
  },
  'sign-in.form-expired': {
    status: 403,
    title: 'This page has expired',
    sentence: 'It was open for too long, or was sent from another site.',
    advice: 'Try again, and make sure that your browser accepts cookies.',
  },
  'sign-in.wrong-password': {
    status: 403,
    title: 'That did not work',
    sentence: 'User name or password is wrong.',
    advice: 'Try again. After several wrong passwords you have to wait a few minutes.',
  },
  'sign-in.wrong-code': {
    status: 403,
    title: 'This code is not valid',
    sentence: 'It is mistyped, has been used, or has expired.',
    advice: 'Check it. If it is right, ask for a new one: each code is good once.',
  },
  'sign-in.too-many': {
    status: 429,
    title: 'Too many attempts',
    sentence: 'There were too many attempts to sign in.',
    advice: 'Wait five minutes, then try again.',
  },
  'sign-in.provider-refused': {
    status: 403,
    title: 'You were not signed in',
    sentence: 'Your organisation’s sign-in did not confirm who you are.',
    advice: `${again} ${support}`,
  },
  'sign-in.unavailable': {
    status: 503,
    title: 'Signing in is not possible now',
    sentence: 'Your organisation’s sign-in does not answer.',
    advice: 'Try again in a few minutes.',
  },
  'sign-in.link-used': {
    status: 403,
    title: 'This link has been used',
    sentence: 'It has expired, or somebody has opened it already.',
    advice: 'Make a new one: load the page on your computer again.',
  },
  'challenge.missing': {
    status: 403,
    title: 'This device may not enroll',
    sentence: 'It did not show the one-time challenge of its profile.',
    advice: again,
  },
  'challenge.unknown': {
    status: 403,
    title: 'This device may not enroll',
    sentence: 'The challenge that it showed is none of ours.',
    advice: again,
  },
  'challenge.expired': {
    status: 403,
    title: 'This profile is too old',
    sentence: 'It was downloaded too long ago.',
    advice: again,
  },
  'challenge.used': {
    status: 403,
    title: 'This profile has been used',
    sentence: 'Another device has enrolled with it; each profile is good for one device.',
    advice: again,
  },
  'device.signature': {
    status: 400,
    title: 'This message cannot be believed',
    sentence: 'It is not signed, or its signature does not fit.',
    advice: support,
  },
  'device.signer': {
    status: 403,
    title: 'This device may not enroll',
    sentence: 'Its message is signed neither by an Apple device nor by a certificate of ours that may.',
    advice: `${again} A device that is enrolled already must be removed from management first.`,
  },
  'device.attributes': {
    status: 400,
    title: 'This device did not say what it is',
    sentence: 'Its message is malformed, or lacks the device’s id.',
    advice: support,
  },
  'device.another': {
    status: 403,
    title: 'This is another device',
    sentence: 'The device that goes on is not the one that began.',
    advice: again,
  },
  'account.rejected': {
    status: 403,
    title: 'This account cannot be enrolled here',
    sentence: 'There is no enrollment by account address for it.',
    advice: 'Use the enrollment page of your organisation.',
  },
  'service.busy': {
    status: 503,
    title: 'Too much at once',
    sentence: 'More is being sent from your network than can be taken at a time.',
    advice: 'Try again in a few minutes.',
  },
  'service.unavailable': {
    status: 503,
    title: 'Enrolling is not possible now',
    sentence: 'The enrollment service cannot reach its record.',
    advice: 'Try again in a few minutes.',
  },
} as const satisfies Record<string, Refusal>

export type RefusalCode = keyof typeof refusals

/** A refusal is a normal result; thrown, since it ends the request wherever it is found. */
export class EnrollmentRefused extends Error {
  readonly code: RefusalCode
  /** What the browser gets in place of the page of this reason: the form once more, for example. */
  readonly answer?: Answer

  constructor(code: RefusalCode, options: ErrorOptions & { readonly answer?: Answer } = {}) {
    super(refusals[code].sentence, options)
    this.name = 'EnrollmentRefused'
    this.code = code
    if (options.answer !== undefined) this.answer = options.answer
  }
}
