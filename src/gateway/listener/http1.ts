import type { Connection } from './connection.ts'
import { AnswerWriter } from './http1-answer.ts'
import { Http1Connection, type Http1Shared } from './http1-connection.ts'
import type { Intake } from './intake.ts'
import { Sweep } from './sweep.ts'

/**
 * Speaks HTTP/1 on the sockets that it is given, by a parser and serialiser of its own: Node's server takes bytes
 * that two programs may read in two ways, hides what it took, and costs more than all the rest of an exchange.
 */
export class Http1Engine {
  readonly #shared: Http1Shared

  constructor(intake: Intake) {
    const { headerTimeout, keepAliveTimeout, answerTimeout } = intake.limits
    this.#shared = {
      intake,
      answers: new AnswerWriter(intake.now),
      sweep: new Sweep(Math.min(headerTimeout, keepAliveTimeout, answerTimeout)),
    }
  }

  adopt(connection: Connection): void {
    new Http1Connection(connection, this.#shared).start()
  }

  close(): void {
    this.#shared.sweep.close()
  }
}
