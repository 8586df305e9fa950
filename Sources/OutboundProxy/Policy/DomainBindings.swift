import NetworkTypes

/// The live bindings at one domain: who made them, where, and under which names.
struct DomainBindings {
    /// Names a binding in its domain.
    struct Key: Hashable {
        let token: [UInt8]
        let user: String
    }

    private(set) var tally = Tally()
    /// By the user of the AOR.
    private(set) var users: [String: Set<Key>] = [:]
    /// By the user of the Contact.
    private(set) var contactUsers: [String: Set<Key>] = [:]
    private(set) var pbxs: [SocketAddress: Tally] = [:]
    private(set) var registrars: [IPAddress: Tally] = [:]

    mutating func add(_ binding: Binding, _ key: Key, contactUser: String) {
        tally.add(binding.expires)
        pbxs[binding.pbx, default: Tally()].add(binding.expires)
        registrars[binding.registrar.address.ip, default: Tally()].add(binding.expires)
        users[binding.user, default: []].insert(key)
        contactUsers[contactUser, default: []].insert(key)
    }

    /// Whether others are left.
    mutating func remove(_ binding: Binding, _ key: Key, contactUser: String) -> Bool {
        if pbxs[binding.pbx]?.remove() == false { pbxs[binding.pbx] = nil }
        if registrars[binding.registrar.address.ip]?.remove() == false {
            registrars[binding.registrar.address.ip] = nil
        }
        if users[binding.user]?.take(key) == true { users[binding.user] = nil }
        if contactUsers[contactUser]?.take(key) == true { contactUsers[contactUser] = nil }
        return tally.remove()
    }
}

/// How many bindings speak for something, and until when. The time may be later than the last of them, where one has
/// gone early, until the next ``Registrations/sweep(at:)``.
struct Tally {
    private var count = 0
    private(set) var until = Instant.zero

    mutating func add(_ expires: Instant) {
        count += 1
        until = max(until, expires)
    }

    /// Whether others are left.
    mutating func remove() -> Bool {
        count -= 1
        return count > 0
    }
}

extension Set {
    /// Removes the element; whether none is left.
    fileprivate mutating func take(_ element: Element) -> Bool {
        remove(element)
        return isEmpty
    }
}
