import NetworkTypes
import Reactor

/// Follows the addresses of the name in `outside.advertise`: asked at once, again soon until it has one, and then every
/// few minutes, so that a new address takes effect without a restart (design §10).
///
/// An answer that is no answer changes nothing: the last address is better than none. Where a name has several
/// addresses the one in use is kept for as long as it is among them.
final class AdvertisedName {
    typealias LookUp = (_ name: String, _ reply: @escaping ([IPAddress]) -> Void) -> Void

    let name: String
    private let families: [IPAddress.Family]
    private let interval: Duration
    private let lookUp: LookUp
    private let isUsable: (IPAddress) -> Bool
    private let onChange: ([IPAddress]) -> Void
    private(set) var addresses: [IPAddress] = []
    private var failures = 0
    private var timer: Timer?
    private let loop: EventLoop

    /// - Parameters:
    ///   - families: Those that we have an outside address of, and no other word for.
    ///   - isUsable: Whether the outside can be known by an address; others are passed over.
    ///   - onChange: Is told the addresses, at most one of each family, whenever they are new.
    init(
        _ name: String, families: [IPAddress.Family], on loop: EventLoop, every interval: Duration = .seconds(300),
        lookUp: @escaping LookUp, isUsable: @escaping (IPAddress) -> Bool, onChange: @escaping ([IPAddress]) -> Void
    ) {
        self.name = name
        self.families = families
        self.loop = loop
        self.interval = interval
        self.lookUp = lookUp
        self.isUsable = isUsable
        self.onChange = onChange
        timer = Timer(on: loop) { [unowned self] in ask() }
        ask()
    }

    private func ask() {
        lookUp(name) { [weak self] answer in self?.take(answer) }
    }

    private func take(_ answer: [IPAddress]) {
        let usable = answer.map(\.unmapped).filter(isUsable)
        let found = families.compactMap { family in
            addresses.first { $0.family == family && usable.contains($0) } ?? usable.first { $0.family == family }
        }
        failures = found.isEmpty ? failures + 1 : 0
        if !found.isEmpty, found != addresses {
            addresses = found
            onChange(found)
        }
        timer?.schedule(at: loop.now + delay)
    }

    /// Until the first address, and after a failure: 1 s, 2 s, 4 s … up to 30 s.
    private var delay: Duration {
        failures == 0 ? interval : min(interval, .seconds(min(30, 1 << min(failures - 1, 5))))
    }
}
