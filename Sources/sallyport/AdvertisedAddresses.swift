import NetworkTypes

/// Which of the addresses of the name in `outside.advertise` the outside is known by: at most one of each family.
///
/// Where a name has several addresses the one in use is kept for as long as it is among them. An answer without one that
/// can be used changes nothing: the last address is better than none.
struct AdvertisedAddresses {
    /// The families that we have an outside address of, and no other word for.
    let families: [IPAddress.Family]
    private(set) var current: [IPAddress] = []

    init(families: [IPAddress.Family]) { self.families = families }

    /// The name has these addresses now; what is to be told where that is new.
    mutating func choose(from answer: [IPAddress], where isUsable: (IPAddress) -> Bool) -> [IPAddress]? {
        let usable = answer.map(\.unmapped).filter(isUsable)
        let chosen = families.compactMap { family in
            current.first { $0.family == family && usable.contains($0) } ?? usable.first { $0.family == family }
        }
        guard !chosen.isEmpty, chosen != current else { return nil }
        current = chosen
        return chosen
    }
}
