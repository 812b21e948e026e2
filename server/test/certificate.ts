// A self-signed certificate for tests that speak TLS: pictures.example, localhost and 127.0.0.1, until 2120.
// The key is public on purpose and guards nothing.
export const testKey = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgNgYJL15BWcXW32e5
v4HMx9tZ3tvPrQ4NWsvRyNJ2Et6hRANCAATOh7+7hGuIaEZ7icoIS/gPYWTq+cTs
A4Ta1KDF5B+PBymfUkL+LltQvGPRolIjdCai6M427ZbJneSKpQGHeGya
-----END PRIVATE KEY-----
`

export const testCertificate = `-----BEGIN CERTIFICATE-----
MIIBaDCCAQ6gAwIBAgIBATAKBggqhkjOPQQDAjAbMRkwFwYDVQQDDBBwaWN0dXJl
cy5leGFtcGxlMCAXDTIwMDEwMTAwMDAwMFoYDzIxMjAwMTAxMDAwMDAwWjAbMRkw
FwYDVQQDDBBwaWN0dXJlcy5leGFtcGxlMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcD
QgAEzoe/u4RriGhGe4nKCEv4D2Fk6vnE7AOE2tSgxeQfjwcpn1JC/i5bULxj0aJS
I3QmoujONu2WyZ3kiqUBh3hsmqNBMD8wDwYDVR0TAQH/BAUwAwEB/zAsBgNVHREE
JTAjghBwaWN0dXJlcy5leGFtcGxlgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZIzj0E
AwIDSAAwRQIhAIcaV1rX8jJ69IMWz7YqXxFnyLTNHQVz8ec38zUHRg4KAiBi/jNY
QPGgDSEJRWwu5A8BYcoHKfAMm2xxsGhDy+7r8A==
-----END CERTIFICATE-----
`
