import NetworkTypes

/// Asks the targets of one trunk again and again whether they are alive (`qualify`).
final class Qualification {
    /// A question to one target.
    final class Probe {
        let qualification: Qualification
        let target: Target

        init(_ qualification: Qualification, _ target: Target) {
            self.qualification = qualification
            self.target = target
        }
    }

    let trunk: TrunkSettings
    let interval: Duration

    init(_ trunk: TrunkSettings, every interval: Duration) {
        self.trunk = trunk
        self.interval = max(interval, .seconds(1))
    }

    /// How long a target may take to answer.
    var patience: Duration { min(interval, Failover.patience) }

    /// For how long a target is left alone that did not answer: it is asked again before, so that no request needs to.
    var pause: Duration { interval * 2 + Failover.patience }
}
