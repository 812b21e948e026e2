// The operator's own account, made when the installation has no admin key yet; its key is shown once.
import { AppError } from '../errors.ts'
import { type AccountNeeds, createAccount } from './accounts.ts'
import { createKey, revokeKey } from './keys.ts'
import * as sql from './sql.ts'

const operatorEmail = 'admin@localhost'

/** The secret of the first admin key, or null when there was one before. */
export async function createFirstAdminKey(
  needs: AccountNeeds,
  signupCredits: number,
): Promise<string | null> {
  const { db, now } = needs
  if ((await db.query(sql.selectAnyAdminKey)).length > 0) return null
  try {
    const account = { email: operatorEmail, password: null, credits: null, signupCredits }
    const { accountId, keyId } = await createAccount(needs, account)
    return await db.transaction(async tx => {
      const key = await createKey(
        { tx, now },
        { accountId, name: 'admin', scopes: ['generate', 'read', 'admin'] },
      )
      // The key of every new account may not administer; nobody has seen it.
      await revokeKey(tx, keyId, accountId)
      return key.apiKey
    })
  } catch (error) {
    // Another process of the same first start was faster: its terminal shows the key.
    if (error instanceof AppError && error.code === 'invalid_request') return null
    throw error
  }
}
