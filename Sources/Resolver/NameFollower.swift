public import DNS
public import NetworkTypes
public import Reactor

/// Follows the addresses of a name of the configuration, so that another address takes effect without a restart: asks again
/// when the answer's time to live is over, at least every few minutes, and soon after a failure.
///
/// An answer that is no answer changes nothing: the last addresses are better than none.
public final class NameFollower {
    public typealias LookUp = (_ reply: @escaping (AddressAnswer) -> Void) -> Void

    /// The last addresses that were found.
    public private(set) var addresses: [IPAddress] = []
    private let interval: ClosedRange<Duration>
    private let lookUp: LookUp
    private let onChange: ([IPAddress]) -> Void
    private var failures = 0
    private lazy var timer = Timer(on: loop) { [unowned self] in ask() }
    private let loop: EventLoop

    /// - Parameters:
    ///   - interval: How often to ask, at most and at least, whatever the time to live.
    ///   - lookUp: Asks the resolver, which must not outlive its loop, nor reply once it was released.
    ///   - onChange: Is told the addresses whenever they are others, their order aside.
    public init(
        on loop: EventLoop, every interval: ClosedRange<Duration> = .seconds(5) ... .seconds(300),
        lookUp: @escaping LookUp, onChange: @escaping ([IPAddress]) -> Void
    ) {
        self.loop = loop
        self.interval = interval
        self.lookUp = lookUp
        self.onChange = onChange
        ask()
    }

    private func ask() {
        lookUp { [weak self] answer in self?.take(answer) }
    }

    private func take(_ answer: AddressAnswer) {
        switch answer {
        case .addresses(let found, let timeToLive):
            failures = 0
            if Set(found) != Set(addresses) {
                addresses = found
                onChange(found)
            }
            timer.schedule(after: min(max(timeToLive, interval.lowerBound), interval.upperBound))
        case .unknownName, .unavailable:
            // 1 s, 2 s, 4 s … up to 30 s.
            timer.schedule(after: min(interval.upperBound, .seconds(min(30, 1 << min(failures, 5)))))
            failures += 1
        }
    }
}
