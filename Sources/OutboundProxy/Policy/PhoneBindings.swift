import NetworkTypes

/// The bindings of remote phones, found by their key, by the flow that they are on, and by those that they were on.
struct PhoneBindings {
    private struct Entry {
        var binding: PhoneBinding
        /// The connection of its flow has ended: only another REGISTER tells where the phone is.
        var isLost = false
        /// Flows that it has left, the latest last: dialogs still name them.
        var former: [Flow] = []
    }

    private var entries: [[UInt8]: Entry] = [:]
    /// The keys of the bindings on a flow: a phone may have several accounts.
    private var flows: [Flow: [[UInt8]]] = [:]
    /// Who was on a flow last.
    private var former: [Flow: [UInt8]] = [:]
    private var addresses: [IPAddress: Int] = [:]

    /// How many flows of its past a binding is remembered by.
    private static let mostFormer = 4

    var isEmpty: Bool { entries.isEmpty }
    var count: Int { entries.count }
    var all: some Sequence<PhoneBinding> { entries.values.lazy.filter { !$0.isLost }.map(\.binding) }

    // MARK: Changes

    /// Adds the binding, or takes the place of the one with its key; one that expires at ``Instant/zero`` has gone.
    mutating func set(_ binding: PhoneBinding) {
        var entry = Entry(binding: binding)
        if let last = entries[binding.key] {
            guard last.binding.seen <= binding.seen else { return }
            remove(last)
            entry.former = last.former
            if last.binding.flow != binding.flow { entry.former.append(last.binding.flow) }
            entry.former.removeAll { $0 == binding.flow }
            if entry.former.count > Self.mostFormer { entry.former.removeFirst() }
        }
        if binding.expires > .zero { add(entry) }
    }

    private mutating func add(_ entry: Entry) {
        let binding = entry.binding
        entries[binding.key] = entry
        flows[binding.flow, default: []].append(binding.key)
        for flow in entry.former { former[flow] = binding.key }
        addresses[binding.flow.peer.ip, default: 0] += 1
    }

    private mutating func remove(_ entry: Entry) {
        let binding = entry.binding
        entries[binding.key] = nil
        flows[binding.flow]?.removeAll { $0 == binding.key }
        if flows[binding.flow]?.isEmpty == true { flows[binding.flow] = nil }
        for flow in entry.former where former[flow] == binding.key { former[flow] = nil }
        let left = (addresses[binding.flow.peer.ip] ?? 1) - 1
        addresses[binding.flow.peer.ip] = left > 0 ? left : nil
    }

    /// The connection has ended: who was on it can't be reached until it registers again.
    mutating func lose(_ flow: Flow) {
        for key in flows[flow] ?? [] { entries[key]?.isLost = true }
    }

    /// Forgets what has run out.
    mutating func sweep(at now: Instant) {
        for entry in entries.values where entry.binding.expires <= now { remove(entry) }
        // Gives the memory back.
        if isEmpty { self = PhoneBindings() }
    }

    // MARK: Questions

    /// The live binding of that key.
    func binding(_ key: [UInt8], at now: Instant) -> PhoneBinding? {
        guard let entry = entries[key], !entry.isLost, entry.binding.expires > now else { return nil }
        return entry.binding
    }

    /// The Contact of the binding of that key.
    func contact(of key: [UInt8]) -> [UInt8]? { entries[key]?.binding.contact }

    /// The live bindings on the flow.
    func bindings(on flow: Flow, at now: Instant) -> [PhoneBinding] {
        (flows[flow] ?? []).compactMap { binding($0, at: now) }
    }

    /// The bindings of an AOR.
    func bindings(of user: String, domain: String) -> [PhoneBinding] {
        entries.values.map(\.binding).filter { $0.user == user && $0.domain == domain }
    }

    /// Whether any binding is on the flow, live or not.
    func has(_ flow: Flow) -> Bool { flows[flow] != nil }

    /// Whether a live binding is on the flow.
    func isLive(_ flow: Flow, at now: Instant) -> Bool {
        flows[flow]?.contains { binding($0, at: now) != nil } ?? false
    }

    /// Whether a phone has registered from that address.
    func isPhone(_ address: IPAddress) -> Bool { addresses[address] != nil }

    /// Whether the flow is known to lead nowhere: its connection has ended, or its phone has gone to another.
    func isGone(_ flow: Flow) -> Bool {
        guard let keys = flows[flow] else { return former[flow] != nil }
        return keys.allSatisfy { entries[$0]?.isLost ?? true }
    }

    /// Where a dialog that began on `flow` goes on: there, or where its phone has gone since. The phone is that of the
    /// key, where that is known; another may have come to the flow meanwhile.
    func present(of flow: Flow, key: [UInt8]?) -> Flow {
        if let key, let entry = entries[key] {
            return entry.former.contains(flow) ? entry.binding.flow : flow
        }
        guard flows[flow] == nil, let last = former[flow], let entry = entries[last] else { return flow }
        return entry.binding.flow
    }
}
