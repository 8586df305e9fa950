import NetworkTypes

/// The keys that we send with on the legs of one session: one for each leg and suite, which stays the same for whoever
/// is told it (the forks of an offer, a re-INVITE), until the peer has taken a new one itself.
struct OwnKeys {
    private struct Name: Hashable {
        /// Our RTP address on the leg.
        let local: SocketAddress
        let suite: CryptoSuite
    }

    private var keys: [Name: KeyingMaterial] = [:]

    mutating func key(on local: SocketAddress, _ suite: CryptoSuite) -> KeyingMaterial {
        let name = Name(local: local, suite: suite)
        if let known = keys[name] { return known }
        let new = KeyingMaterial(random: suite)
        keys[name] = new
        return new
    }

    /// New keys from now on. A leg that is gone must not leave its keys to the next one on its port.
    mutating func forget(_ local: SocketAddress) {
        if keys.isEmpty { return }
        for suite in CryptoSuite.allCases { keys[Name(local: local, suite: suite)] = nil }
    }
}
