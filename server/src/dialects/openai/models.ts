// The model list: everything that can be called here now, whichever surface it is at home on.
import { type AllowedModels, mayUse } from '../../accounts/allowed-models.ts'
import type { ListedModel, ModelList } from '../../models/catalog.ts'
import { toUnixSeconds } from './present.ts'

export function listWireModels(catalog: ModelList, allowed: AllowedModels) {
  const data = catalog
    .list('openai')
    .filter(({ id, offered }) => offered && mayUse(allowed, id))
    .map(toWireModel)
  return { object: 'list' as const, data }
}

export function findWireModel(catalog: ModelList, allowed: AllowedModels, id: string) {
  const model = catalog.find('openai', id)
  return model?.offered && mayUse(allowed, id) ? toWireModel(model) : null
}

function toWireModel({ id, createdAt, owner, retiresAt }: ListedModel) {
  return {
    id,
    object: 'model' as const,
    created: toUnixSeconds(createdAt),
    owned_by: owner,
    ...(retiresAt === null ? {} : { shutdown_date: retiresAt }),
  }
}
